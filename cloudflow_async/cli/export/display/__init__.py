"""What a person sees of an export.

progress        a bar on a terminal, lines elsewhere
bar             the progress bar
pictures        which charts there will be
chart           bars in the terminal
plot            an image file
summary         the last lines
"""
