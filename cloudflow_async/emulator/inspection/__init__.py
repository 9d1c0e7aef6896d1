"""The inspection page: requests and deliveries for a person to read.

inspection      answers requests for the page
page            its content
look            its style and script
"""
