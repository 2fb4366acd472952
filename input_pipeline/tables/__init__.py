"""Tables of any form as text, and what their cells say: identifiers, codes, joins."""
