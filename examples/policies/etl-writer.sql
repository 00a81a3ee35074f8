-- A warehouse with a staging area.
CREATE SCHEMA staging;
CREATE SCHEMA mart;
CREATE TABLE staging.sales (
    batch integer NOT NULL,
    line bigint NOT NULL,
    sku text NOT NULL,
    amount numeric(12,2) NOT NULL,
    sold_on date NOT NULL,
    loaded_by text NOT NULL,
    PRIMARY KEY (batch, line)
);
CREATE TABLE mart.daily_sales (
    sold_on date NOT NULL,
    sku text NOT NULL,
    amount numeric(14,2) NOT NULL,
    loaded_by text NOT NULL,
    PRIMARY KEY (sold_on, sku)
);
CREATE PROCEDURE mart.refresh() LANGUAGE sql AS 'SELECT 1';
