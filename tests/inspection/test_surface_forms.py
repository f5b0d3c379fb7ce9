import pytest

from deepclust.inspection._surface_forms import surface_forms


@pytest.mark.parametrize(
    ("term", "texts", "form"),
    [
        ("c#", ["Using C# now", "the c# way", "C# and C++"], "C#"),
        ("c", ["C and C++ and C#", "a c compiler"], "c"),
        (".net", ["ASP.NET", "in .NET", "on .NET 2.0"], ".NET"),
        ("visual studio", ["in Visual  Studio", "my Visual-Studio"], "Visual Studio"),
        ("recip", ["two Recipes here", "ten Recipes"], "Recipes"),
        ("state art", ["the State of the Art"], "State Art"),
        ("best", ["Best way", "what is best"], "best"),
        ("基 金", ["买基金吗", "基金"], "基金"),
        ("absent", ["nothing"], "absent"),
        ("a.b", ["axb", "(A.B)"], "A.B"),
    ],
)
def test_the_most_frequent_form_is_found(term, texts, form):
    assert surface_forms([term], texts) == [form]


def test_terms_with_the_same_form_stay_apart():
    assert surface_forms(["recip", "recipe"], ["Recipe", "the Recipe"]) == [
        *("recip", "recipe"),
    ]
