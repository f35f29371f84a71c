"""A terminal with a program in it: keys in, a screen out."""

import os
import time

import pexpect
import pyte

PATIENCE = 60
CTRL_C = "\x03"
CTRL_D = "\x04"
CTRL_R = "\x12"
TAB = "\t"
UP = "\x1b[A"


class Terminal:
    """A program on a screen of `columns` and `lines`, as an analyst sees it."""

    def __init__(self, command, columns=100, lines=50, **environment):
        self.screen = pyte.Screen(columns, lines)
        # The program asks where the cursor is; a terminal answers.
        self.screen.write_process_input = lambda answer: self.child.send(answer)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        variables = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
        variables |= {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | environment
        self.child = pexpect.spawn(
            command[0], command[1:], dimensions=(lines, columns), env=variables, timeout=PATIENCE
        )

    def read(self, seconds=0.05):
        """Takes what the program has written; false at its end."""
        try:
            written = self.child.read_nonblocking(1 << 16, timeout=seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += written
        self.stream.feed(written)
        return True

    def text(self):
        """The screen, without the space at its right and below."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def last_line(self):
        return self.text().split("\n")[-1]

    def wait(self, condition, what):
        """Reads until `condition` holds for the text of the screen."""
        deadline = time.monotonic() + PATIENCE
        while not condition(self.text()):
            assert time.monotonic() < deadline, f"waited for {what}; the screen:\n{self.text()}"
            assert self.read() or condition(self.text()), f"ended before {what}; the screen:\n{self.text()}"

    def wait_for(self, text):
        self.wait(lambda screen: text in screen, text)

    def wait_for_prompt(self, prompt="2026-11-22>"):
        self.wait(lambda screen: screen.split("\n")[-1].strip() == prompt, f"the prompt {prompt}")

    def press(self, keys):
        self.child.send(keys)

    def type(self, text):
        """Types `text`, and waits until its end is on the screen, on however many lines."""
        self.press(text)
        end = "".join(text.split())[-20:]
        self.wait(lambda screen: "".join(screen.split()).endswith(end), text)

    def enter(self, line, prompt="2026-11-22>"):
        """Types a line, presses Enter and waits for the next prompt."""
        self.type(line)
        before = self.raw
        self.press("\r")
        self.wait(lambda _: len(self.raw) > len(before) + 2, "an answer")
        self.wait_for_prompt(prompt)

    def clear(self):
        """Forgets what is above the prompt, so that later checks see only what comes."""
        self.press("\x0c")
        self.wait(lambda screen: len(screen.split("\n")) == 1, "a clear screen")

    def end(self):
        """Reads to the end of the program and gives its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self.read(0.2):
            assert time.monotonic() < deadline, f"no end; the screen:\n{self.text()}"
        self.child.close()
        return self.child.exitstatus
