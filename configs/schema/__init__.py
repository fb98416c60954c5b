"""What each kind of file may say, as pydantic models."""
