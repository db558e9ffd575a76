"""caft_export: the Python side of caft, for what needs PyTorch or a Python library.

It turns a PyTorch backbone into a folder that caft runs without Python:

    card.json           all that is needed to run the backbone (format "caft-card-1")
    NAME.onnx           input `images` [N, 3, H, W] f32, normalised; output `features` [N, D] f32
    golden.safetensors  images u8 [8, H, W, 3] and the features f32 [8, D] they must give

Verbs (`python -m caft_export VERB --help`):

    export     a catalogue entry or any module of the user's own, to such a folder
    add        an ONNX file of the user's own, to such a folder
    elpv       the ELPV photographs of solar cells, as a data set of class folders
    catalogue  the entries of a catalogue file as this package reads them

A verb prints one JSON document on stdout when it is done, progress on stderr, and one line that
starts with "error: " on stderr when it fails. Exit codes: 0 done, 1 failed, 2 wrong usage.

The catalogue itself is `src/zoo/catalogue.json`, the same file that the C++ library embeds.
Works with PyTorch 1.13 and with those that export by dynamo unless told otherwise (2.15 is tested).
"""
