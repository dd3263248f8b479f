"""Body recovery: SMPL parameters from photographs, by the published estimators with weights that the user
brings. Importing this costs nothing; ``estimate.recover_bodies`` is the entrance.
"""
