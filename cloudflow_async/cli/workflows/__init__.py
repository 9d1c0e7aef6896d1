"""``cloudflow trigger``.

trigger         starts a workflow
"""
