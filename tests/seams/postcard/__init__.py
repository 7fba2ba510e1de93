"""Postcards: a product type that is no part of the product. EZ_PRODUCT_TYPES=…,tests.seams.postcard sells them."""
