"""The commands as a person types them: parameters and help texts, one file each.

The work is done in the rooms beside this one, which a command imports when it runs.

    export, emulator, login, trigger, webhooks
"""
