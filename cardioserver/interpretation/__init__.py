"""From measurements to coded statements and their text in Russian and English."""
