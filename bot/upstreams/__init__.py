"""The companies we buy from, one file each: they translate, and decide nothing."""
