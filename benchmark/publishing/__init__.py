"""Tables and figures written to disk, and published folders of a measured study."""
