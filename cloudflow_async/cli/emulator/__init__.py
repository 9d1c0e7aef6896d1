"""``cloudflow emulator``.

serve           runs the emulator until a signal ends it
techflow_sample sample data of the TechFlow API
"""
