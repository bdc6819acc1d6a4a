"""What the tests of the Python package need: homes, programs, a scripted model, and examples of documents."""
