"""Widgets to fill in and to manage: the form for a new token, and the panel of kept ones. They decide nothing."""
