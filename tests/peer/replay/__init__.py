"""The same raw requests for both servers, as data, and what may differ in the answers."""

from replay import cache, data, discovery, errors, images, legacy_cache, lists, members, metadefs, patch, root, tags

SCENARIOS = [
    scenario
    for module in (root, discovery, images, lists, patch, data, tags, cache, legacy_cache, errors, members, metadefs)
    for scenario in module.SCENARIOS
]
