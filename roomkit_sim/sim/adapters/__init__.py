"""How an application under test is observed: one adapter a framework, roomkit_sim first."""
