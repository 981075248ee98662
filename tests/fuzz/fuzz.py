"""Coverage-guided fuzzing with atheris (https://github.com/google/atheris; pip install atheris).

    python tests/fuzz/fuzz.py TARGET [libFuzzer options] [FOLDER...]

TARGET is language, use, format or encode. The first folder is read and grows; what breaks a law is written to
crash-* in the current folder and belongs into tests/fuzz/found, where test_found.py runs it for ever. The laws are in
laws.py. Start from the files of the project: python tests/fuzz/fuzz.py language corpus hierarchies tests/fuzz/found
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))
with atheris.instrument_imports(include=["hierdsl"]):
    import laws


def main():
    """Run libFuzzer on one target."""
    target = getattr(laws, sys.argv.pop(1))
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
