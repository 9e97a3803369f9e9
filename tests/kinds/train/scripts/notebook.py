# coding: utf-8
# ruff: noqa: E402, F821, Q000, UP009  # it is as the export writes it
# fmt: off

# # Training

# In[1]:


get_ipython().run_line_magic('matplotlib', 'inline')
get_ipython().system('pip install gymnasium')
from told import tell

# In[2]:


get_ipython().run_cell_magic('time', '', 'model = [1.0]\nmodel.append(2.0)\n')


# In[3]:


display(model)
tell(model=model, name=__name__)
