from tests.shared_cache import own_cache  # noqa: F401 - fixture
