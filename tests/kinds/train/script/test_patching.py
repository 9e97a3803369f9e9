from __future__ import annotations

import functools

from rlgauge.kinds.train.script.patching import replace, unwrapped, wrap_in_descendants, wrap_in_family


def loud(method):
    @functools.wraps(method)
    def shouting(*args, **named):
        return method(*args, **named).upper()

    return shouting


def twice(method):
    @functools.wraps(method)
    def doubled(*args, **named):
        return 2 * method(*args, **named)

    return doubled


def test_a_method_is_changed_in_all_of_a_family_now_and_later():
    class Root:
        def say(self):
            return "root"

    class Child(Root):
        def say(self):
            return "child"

    wrap_in_family(Root, "say", loud)

    class Later(Child):
        def say(self):
            return "later"

    class Silent(Later):
        pass

    assert [cls().say() for cls in (Root, Child, Later, Silent)] == ["ROOT", "CHILD", "LATER", "LATER"]
    assert unwrapped(Later(), "say")() == "later"


def test_changing_twice_changes_once():
    class Root:
        def say(self):
            return "a"

    wrap_in_family(Root, "say", twice)
    wrap_in_family(Root, "say", twice)

    class Later(Root):
        def say(self):
            return "b"

    assert Root().say() == "aa"
    assert Later().say() == "bb"


def test_two_methods_of_a_class_are_changed_apart():
    class Root:
        def say(self):
            return "a"

        def sing(self):
            return "b"

    wrap_in_family(Root, "say", twice)
    wrap_in_family(Root, "sing", loud)

    class Later(Root):
        def say(self):
            return "c"

        def sing(self):
            return "d"

    assert (Later().say(), Later().sing()) == ("cc", "D")


def test_the_roots_of_a_family_stay_as_they_are_where_descendants_are_changed():
    root = type("Root", (), {"say": lambda self: "root", "__module__": "elsewhere"})
    wrap_in_descendants(root, "say", loud)

    class Child(root):
        pass

    assert root().say() == "root"
    assert Child().say() == "ROOT"


def test_a_class_of_several_parents_keeps_its_order_of_them():
    root = type("Root", (), {"say": lambda self: "root", "__module__": "elsewhere"})
    wrap_in_descendants(root, "say", loud)

    class Plain(root):
        pass

    class Mixin(root):
        def say(self):
            return "mixin"

    class Both(Plain, Mixin):
        pass

    assert Both().say() == "MIXIN"


def test_a_familys_own_way_of_meeting_its_children_goes_on():
    met = []

    class Root:
        def __init_subclass__(cls, *, name, **named):
            super().__init_subclass__(**named)
            met.append(name)

        def say(self):
            return "root"

    wrap_in_family(Root, "say", loud)

    class Child(Root, name="first"):
        def say(self):
            return "child"

    assert met == ["first"]
    assert Child().say() == "CHILD"


def test_what_is_no_function_is_left_alone():
    class Root:
        say = property(lambda self: "property")

    wrap_in_family(Root, "say", loud)
    assert Root().say == "property"
    replace(Root, "missing", loud)
    assert not hasattr(Root, "missing")
