//! The HTTP service (DESIGN, section 6): requests for reports, their state and files, and figures for monitoring.
