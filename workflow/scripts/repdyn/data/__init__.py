"""What networks learn, as arrays: two points, XOR, blobs, encodings, MNIST; and files from wherever they can be had."""
