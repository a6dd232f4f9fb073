"""Label photographs: people in them as COCO keypoint JSON, by networks that take their time."""
