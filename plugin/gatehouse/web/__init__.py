"""REST routes and pages, served through Orthanc's own server."""
