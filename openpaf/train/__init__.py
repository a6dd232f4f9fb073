"""Training: COCO-format keypoint sets in, a network that exports to ONNX out."""
