"""The two models of the demo, as they are pasted into the form.

Images are 8x8 pixels of 0..255, sent as bytes. Keras gets them unchanged, so its model scales them. PyTorch gets them
as torchvision's ToTensor would give them: 0..1, with the channel axis first.
"""

from __future__ import annotations

from pathlib import Path

KERAS, PYTORCH = (
    Path(__file__).with_name(f"model_{framework}.py").read_text(encoding="utf-8")
    for framework in ("tensorflow", "pytorch")
)
