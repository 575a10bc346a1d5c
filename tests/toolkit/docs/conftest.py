"""What several pages begin with."""

from __future__ import annotations

import pytest
from walkthrough import Given


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Makes what a page begins with, or has it already."""
    return Given(tmp_path_factory.mktemp("given"))
