"""A trained network for other programs: its best weights as NumPy's, PyTorch's or ONNX's file."""
