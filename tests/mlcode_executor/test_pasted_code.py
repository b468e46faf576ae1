"""Code as users paste it: accepted line for line, or refused with one sentence of advice."""

from __future__ import annotations

import pytest

from kafkaml.errors import UserCodeError
from mlcode_executor.frameworks.notebook import as_program
from mlcode_executor.frameworks.source import execute


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("\ufeffx = 1", "x = 1"),
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("!pip install -q a \\\n  --upgrade\nx = 1", "pass\npass\nx = 1"),
        ("if True:\n    !ls it's\nx = 1", "if True:\n    pass\nx = 1"),
        ("%%time\nx = 1", "pass\nx = 1"),
        ("%time x = 1", "x = 1"),
        ("```python\nx = 1\n```", "pass\nx = 1\npass"),
        ("    x = 1\n    y = 2", "x = 1\ny = 2"),
        ("x = 1\nx?", "x = 1\npass"),
        ("if __name__ == '__main__':\n    x = 1", "if True:\n    x = 1"),
        # Python that only looks like a notebook command.
        ("x = (5\n%2)", "x = (5\n%2)"),
        ("s = '''\n!x\n%y\n'''\nx = 1", "s = '''\n!x\n%y\n'''\nx = 1"),
    ],
)
def test_code_of_notebooks_runs_line_for_line(text: str, runs: str) -> None:
    program, _ = as_program(text)
    assert program == runs
    assert execute(text, "", {})["x"] == 1


def test_what_is_skipped_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    execute("x = 1\n%matplotlib inline\n", "", {})
    assert "line 2 of the code is for a notebook and was skipped: %matplotlib inline" in capfd.readouterr().out


@pytest.mark.parametrize(
    "code",
    [
        "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots()\naxes.plot([1])\nplt.show()",
        "from IPython.display import clear_output\nclear_output(wait=True)",
        "from google.colab import drive\ndrive.mount('/content/drive')",
        "get_ipython().run_line_magic('matplotlib', 'inline')",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', default=1)\np.parse_args()",
        "import sys\nmodel = 1\nsys.exit()",
        "x = 1\r\ny = 2\r\n",
    ],
)
def test_what_does_no_harm_is_taken(code: str) -> None:
    execute(code, "", {})


@pytest.mark.parametrize(
    ("code", "line", "hint"),
    [
        ("x = 1\ny = \u201cadam\u201d", 2, "straight quotes"),
        ("x =\u00a01", 1, "not the usual one"),
        ("x = 3 \u2013 1", 1, "minus sign"),
        ("x\u200b = 1", 1, "cannot be seen"),
        (">>> x = 1", 1, "prompts"),
        ("%%bash\nls", 1, "another language"),
        ("files = !ls", 1, "notebook"),
        ("pip install keras", 1, "shell"),
        ("print 'x'", 1, "Python 2"),
        ("if True:\n\tx = 1\n        y = 2", 3, "spaces"),
        ("x = (1,\n", 1, "all of the code"),
        ("import argparse\np = argparse.ArgumentParser()\np.add_argument('data')\np.parse_args()", 4, "command line"),
        ("import sys\nsys.exit('usage')", 2, "sys.exit()"),
        ("print(x_train)", 1, "samples come from the stream"),
        ("import pandas", 1, "samples come from the stream"),
        ("model = tf.keras.Sequential([])", 1, "choose TensorFlow"),
        ("class Net(nn.Module):\n    pass", 1, "choose PyTorch"),
        ("open('weights.h5')", 1, "without your files"),
        ("gpus = []\ngpus[0]", 2, "GPUs"),
        ("import seaborn as sns\nsns.load_dataset('iris')", 2, "stream"),
        ("raise ValueError(\"Unrecognized keyword arguments passed to Dense: {'init': 'uniform'}\")", 1, "kernel_init"),
        ("raise ValueError(\"Unrecognized keyword arguments passed to Conv2D: {'border_mode': 1}\")", 1, "padding="),
        ("raise TypeError(\"fit() got an unexpected keyword argument 'nb_epoch'\")", 1, "epochs"),
        ("raise AttributeError(\"module 'keras.backend' has no attribute 'set_session'\")", 1, "keras.ops"),
    ],
)
def test_what_cannot_run_is_refused_with_advice(code: str, line: int, hint: str) -> None:
    with pytest.raises(UserCodeError) as caught:
        execute(code, "", {})
    assert caught.value.line == line
    assert hint in caught.value.hint


ANY = r"'\ud800 \0 \x1b[31m \u202e'"
UNTOLD = "E: (its text cannot be shown)"
TOLD = "\\ud800 \0 \x1b[31m \u202e"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (f"raise ValueError({ANY})", f"ValueError: {TOLD}"),
        (f"raise BaseException({ANY})", f"BaseException: {TOLD}"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        (f"import sys; sys.exit({ANY})", f"SystemExit: the code ended the program with exit status {TOLD}"),
        # Code under a file name that no file system has, so that its frames do not count as the user's.
        ("exec(compile('raise ValueError(1)', '\\ud800', 'exec'))", "ValueError: 1"),
        ("def f():\n    raise ValueError(1)\nf.__code__ = f.__code__.replace(co_name='\\ud800')\nf()", "ValueError: 1"),
        # Any code can raise a SyntaxError with any content, just as the compiler does.
        (f"raise SyntaxError({ANY}, ({ANY}, 3, 4, {ANY}))", f"SyntaxError: {TOLD} ({TOLD}, line 3)"),
        ("e = SyntaxError('x')\ne.filename = []\nraise e", "SyntaxError: x"),
        ("raise SyntaxError('x', ('<code>', object(), 4, 't'))", "SyntaxError: x (<code>)"),
        ("e = SyntaxError('x', ('<code>', 1, 1, 't'))\ne.msg = 5\nraise e", "SyntaxError: 5 (<code>, line 1)"),
        ("class E(Exception):\n    def __str__(self):\n        raise ValueError\nraise E", UNTOLD),
        ("class E(Exception):\n    def __str__(self):\n        raise BaseException\nraise E", UNTOLD),
        ("class E(Exception):\n    def __str__(self):\n        raise SystemExit\nraise E", UNTOLD),
        ("class E(Exception):\n    @property\n    def message(self):\n        raise BaseException\nraise E", UNTOLD),
        (
            "class S(str):\n    strip = None\nclass E(Exception):\n    __str__ = lambda _: S('x')\nraise E",
            "E: x",
        ),
        (
            "class M(type):\n    __name__ = property(1)\nclass E(Exception, metaclass=M): ...\nraise E('x')",
            "E: x",
        ),
        (r"raise type('\xe9 \x1b[31m', (Exception,), {})('x')", "\xe9 \x1b[31m: x"),
    ],
)
def test_whatever_an_error_says_of_itself_is_reported_as_text(code: str, message: str) -> None:
    with pytest.raises(UserCodeError) as caught:
        execute(code, "", {})
    reported = caught.value
    assert reported.message == message
    assert all(type(text) is str for text in (reported.message, reported.hint, reported.traceback_text))
    assert ".py" not in reported.traceback_text
