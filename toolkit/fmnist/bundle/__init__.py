"""All that a device needs, in one folder or archive: packages, artifacts, test images, an installer."""
