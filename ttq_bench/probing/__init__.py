"""What is measured on trained networks afterwards: equal scales, other ratios, healing."""
