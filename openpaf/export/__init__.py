"""How a model file is made: torch to ONNX, the proof that the two agree, and smaller copies."""
