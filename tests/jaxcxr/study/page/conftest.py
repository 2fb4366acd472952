"""What several tests of the page start from."""

import pytest
from study.finished_study import finish, report, study_of


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished study, its directory and its page."""
    study, out = study_of(), tmp_path_factory.mktemp("study")
    finish(study, out)
    return study, out, report(study, out)
