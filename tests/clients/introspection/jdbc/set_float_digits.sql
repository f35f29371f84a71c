-- PostgreSQL JDBC driver 42.5.5, connect (org/postgresql/core/v3/ConnectionFactoryImpl.java)
SET extra_float_digits = 3
