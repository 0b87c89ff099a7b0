"""Records as the runs of other programs: CSV files, TensorBoard, MLflow.

A format is a module that takes ``Run`` values (``run.py``) and knows what it wrote before.
"""
