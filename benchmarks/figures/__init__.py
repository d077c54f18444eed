"""How the code is built, in numbers that anyone can count again, for two versions side by side.

``make figures BEFORE=818423e`` compares this tree with that commit. What is counted:

- modules by their imports and lines (:mod:`benchmarks.figures.modules`),
- words that ``WORDS`` has a better one for (:mod:`benchmarks.figures.dialect`),
- what one file meets, and in which sentences one fault is reported, by running the
  commands (:mod:`benchmarks.figures.live`).
"""
