"""Version 11 of Senti-iFusion, `senti-ifusion-light`: light heads and an attention fusion predict together."""
