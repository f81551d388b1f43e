"""Two runs held side by side, field by field: which difference comes first, and what each run says there.

`runs` is the call. `fields` takes an exchange apart, `aligning` says which stands beside which, `hosts` and `sameness`
say what is the same in another guise, `differing` collects what is not, and `ranking` puts in front what the verdict or
the order of the flow makes the cause. Everything is masked before it is compared.
"""
