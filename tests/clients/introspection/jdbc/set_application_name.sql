-- PostgreSQL JDBC driver 42.5.5, connect (org/postgresql/core/v3/ConnectionFactoryImpl.java)
SET application_name = 'metadata test'
