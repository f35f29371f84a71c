"""Prints rows as a Markdown table."""

HEAD = """\
| work | Pragati | against | time ratio | memory ratio | checked |
|---|---|---|---|---|---|"""


def line(row):
    cells = [
        row.work,
        amount(row.ours) + peak_verdict(row),
        f"{row.peer}: {amount(row.theirs)}",
        judged(row.ours.seconds / row.theirs.seconds, row.time_target),
        judged(row.ours.peak_bytes / row.theirs.peak_bytes, row.memory_target),
        row.checked,
    ]
    return line_of(cells)


def line_of(cells):
    return "| " + " | ".join(cells) + " |"


def amount(taken):
    seconds = f"{taken.seconds:.3f}" if taken.seconds < 1 else f"{taken.seconds:.1f}"
    return f"{seconds} s, {taken.peak_bytes / 1e9:.2f} GB"


def peak_verdict(row):
    if row.peak_target is None:
        return ""
    return f" ({verdict(row.ours.peak_bytes <= row.peak_target)}: at most {row.peak_target / 1e9:g} GB)"


def judged(ratio, target):
    if target is None:
        return f"{ratio:.2f}"
    return f"{ratio:.2f} ({verdict(ratio <= target)}: at most {target:g})"


def verdict(good):
    return "met" if good else "**missed**"
