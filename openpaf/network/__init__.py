"""Networks in torch: a front that makes features, then PAF stages, then confidence-map stages."""
