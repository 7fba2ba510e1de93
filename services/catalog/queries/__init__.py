"""Reads for lists and screens: plans · orders · timeline. Each aggregate's owner filter stands in one place."""
