"""From a finished trial to files that others can use: packed codes, ONNX, and what they weigh."""
