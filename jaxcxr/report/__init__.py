"""From predictions to statistics, and from statistics to tables and figures."""
