"""Reports: one HTML file each, which needs neither network nor script and can be mailed, archived and printed."""
