"""Networks in torch: a backbone makes features, PAF stages follow, confidence-map stages last."""
