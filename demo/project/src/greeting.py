"""The program of the demo's project: what to say to somebody."""


def greet(name):
    return "Hello, " + name
