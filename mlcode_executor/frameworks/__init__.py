"""What the model process can do with a model, once for each framework.

``base.py`` holds the contract; ``keras.py``, ``pytorch.py`` and ``onnx.py`` (with their ``*_loop.py`` and
``*_report.py``) are the only modules that import a framework, and are imported in the model process only.
"""
