from tests.shared_cache import cache, own_cache  # noqa: F401 - fixtures
