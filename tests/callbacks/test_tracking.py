"""Names and values as trackers accept them."""

from bohb.callbacks.tracking import plain_values, safe_name


def test_names_are_safe_and_distinct_and_values_plain() -> None:
    """Numbers stay numbers, and every other value becomes text."""
    config = {"lr (log)": 0.1, "lr [log]": 0.2, "layers": (1, 2), "on": True, "!": None}
    plain = plain_values(config)
    assert plain == {"lr_log": 0.1, "lr_log_": 0.2, "layers": "(1, 2)", "on": True, "_": "None"}
    assert all(safe_name(name) == name for name in plain if name != "lr_log_")
