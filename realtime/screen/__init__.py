"""The screen: a terminal instrument. A client of the stage that owns nothing; nothing else imports it."""
