"""The tests that `make test` runs; they fail where a greeting is misspelt."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "src"))

from greeting import greet


class Greeting(unittest.TestCase):
    def test_it_says_hello_or_good_day_to_whom_it_is_told(self):
        self.assertIn(greet("Ada"), ("Hello, Ada", "Good day, Ada"))


if __name__ == "__main__":
    unittest.main()
